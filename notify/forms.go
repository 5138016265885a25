package notify

import (
	"strings"
	"time"
)

// The forms of the receivers. Sources: Slack, "Sending messages using incoming webhooks" and Block Kit's reference; Microsoft, "Post a workflow
// when a webhook request is received in Microsoft Teams" and adaptivecards.io's schema 1.5; Discord, "Execute Webhook" and the limits of
// embeds; Prometheus, Alertmanager's API v2.

type object = map[string]any

func (m *message) slack() any {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace // what Slack takes for mark-up
	text := escape(m.Decision.Sentence)
	blocks := []object{
		{"type": "header", "text": object{"type": "plain_text", "text": cut(icon(m.level)+" "+m.title, 150)}},
		{"type": "section", "text": object{"type": "mrkdwn", "text": cut(text, 2900)}},
	}
	if t := m.table(); t != "" {
		blocks = append(blocks, object{"type": "section", "text": object{"type": "mrkdwn", "text": "```" + cut(escape(t), 2900) + "```"}})
	}
	var buttons []object
	for _, l := range m.links {
		buttons = append(buttons, object{
			"type": "button", "action_id": strings.ToLower(l.text), "url": l.url, "text": object{"type": "plain_text", "text": l.text},
		})
	}
	if buttons != nil {
		blocks = append(blocks, object{"type": "actions", "elements": buttons})
	}
	return object{"text": cut(escape(m.title)+": "+text, 3000), "blocks": blocks}
}

func icon(s Severity) string { return [...]string{"🟢", "🟡", "🔴"}[s] }

func (m *message) teams() any {
	body := []object{
		{"type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": true, "text": m.title, "color": [...]string{"Good", "Warning", "Attention"}[m.level]},
		{"type": "TextBlock", "wrap": true, "text": m.Decision.Sentence},
	}
	if len(m.rows) > 0 {
		var columns, rows []object
		for range m.rows[0] {
			columns = append(columns, object{"width": 1})
		}
		for _, r := range m.rows {
			var cells []object
			for _, text := range r {
				cells = append(cells, object{"type": "TableCell", "items": []object{{"type": "TextBlock", "wrap": true, "text": text}}})
			}
			rows = append(rows, object{"type": "TableRow", "cells": cells})
		}
		body = append(body, object{"type": "Table", "firstRowAsHeaders": true, "columns": columns, "rows": rows})
	}
	actions := []object{}
	for _, l := range m.links {
		actions = append(actions, object{"type": "Action.OpenUrl", "title": l.text, "url": l.url})
	}
	return object{"type": "message", "attachments": []object{{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil,
		"content": object{
			"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.5",
			"msteams": object{"width": "Full"}, "body": body, "actions": actions,
		},
	}}}
}

func (m *message) discord() any {
	text := cut(m.Decision.Sentence, 1500)
	if t := m.table(); t != "" {
		text += "\n```\n" + cut(strings.ReplaceAll(t, "```", "'''"), 2000) + "\n```"
	}
	var links []string
	for _, l := range m.links {
		links = append(links, "["+l.text+"]("+l.url+")")
	}
	if links != nil { // a webhook that no application owns may have no buttons
		text += "\n" + cut(strings.Join(links, " · "), 500)
	}
	return object{
		"allowed_mentions": object{"parse": []string{}}, // a version called @everyone wakes nobody
		"embeds": []object{{
			"title": cut(m.title, 256), "description": text, "timestamp": m.Decision.At.UTC().Format(time.RFC3339),
			"color": [...]int{0x2e7d32, 0xf9a825, 0xc62828}[m.level],
		}},
	}
}

// alertmanager is one alert. It has no end: Alertmanager's resolve_timeout ends it, as a decision is no state.
func (m *message) alertmanager() any {
	d := &m.Decision
	alert := object{
		"labels": object{
			"alertname": "SluiceRollout", "route": d.Route, "severity": map[Severity]string{Info: "info", Warn: "warning", Error: "critical"}[m.level],
			"action": d.Action, "reason": d.Reason, "attempt": d.Attempt, "phase": string(d.To),
		},
		"annotations": object{"summary": m.title, "description": d.Sentence, "checks": m.table()},
		"startsAt":    d.At.UTC().Format(time.RFC3339Nano),
	}
	if len(m.links) > 0 {
		alert["generatorURL"] = m.links[0].url
	}
	return []object{alert}
}
