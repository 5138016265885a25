package demo

import "sluice/rollout"

// paint is an ANSI colour; "" leaves a text as it is.
type paint string

const (
	plain paint = ""
	bold  paint = "\x1b[1m"
	faint paint = "\x1b[2m"
	red   paint = "\x1b[31m"
	green paint = "\x1b[32m"
)

func (n *narrator) paint(how paint, text string) string {
	if !n.colour || how == plain || text == "" {
		return text
	}
	return string(how) + text + "\x1b[0m"
}

// accent is how a decision's sentence stands out: good news, bad news, or neither.
func accent(d rollout.Decision) paint {
	switch d.To {
	case rollout.Succeeded:
		return green
	case rollout.RollingBack, rollout.Failed, rollout.Aborted, rollout.Paused:
		return red
	default:
		return bold
	}
}
