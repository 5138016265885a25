package admin

import "github.com/prometheus/client_golang/prometheus"

// families are the metrics' names, helps and labels. Label values come from the configuration and from fixed lists only.
type families struct {
	requests, duration, inFlight, endpointUp, weight, traffic                 *prometheus.Desc
	dnsFailures, selections, retries, upstreamErrors, clientErrors, phase     *prometheus.Desc
	step, info, paused, waiting, transitions, rollouts                        *prometheus.Desc
	verdict, value, limit, lasted, evidence, needed                           *prometheus.Desc
	aa, samples, bad, reloads, lastReload, build                              *prometheus.Desc
	panics, journalErrors, accessDropped, tlsReloads, certificate, keyFetches *prometheus.Desc
	outbox, tlsOrders, cpu, memory, mirrored, ratio                           *prometheus.Desc
	visits, conversions, visitsDropped, conversionEvents                      *prometheus.Desc
	all                                                                       []*prometheus.Desc
}

func newFamilies() *families {
	f := &families{}
	add := func(name, help string, labels ...string) *prometheus.Desc {
		d := prometheus.NewDesc("sluice_"+name, help, labels, nil)
		f.all = append(f.all, d)
		return d
	}
	f.requests = add("requests_total", "Answers to clients, by the backend whose answer it was; both empty where no route matched.",
		"route", "backend", "code", "method")
	f.duration = add("request_duration_seconds", "Time from a request's head to the last byte of its answer; bucket limits are exact to 3 %.",
		"route", "backend")
	f.inFlight = add("backend_requests_in_flight", "Requests at the backend now.", "route", "backend")
	f.endpointUp = add("backend_endpoint_up", "1 when the endpoint is healthy, or unchecked.", "route", "backend", "endpoint")
	f.weight = add("backend_weight_ratio", "The share of the route's traffic that the backend is to get.", "route", "backend")
	f.traffic = add("backend_traffic_ratio", "The share of the route's requests that the backend got in the last 30 s; absent without any.",
		"route", "backend")
	f.cpu = add("backend_cpu_ratio", "What the backend's hosts use of their processors, the mean; absent where nothing says it.", "route", "backend")
	f.memory = add("backend_memory_ratio", "What the backend's hosts use of their memory, the mean; absent where nothing says it.",
		"route", "backend")
	f.selections = add("selections_total", "Requests by what chose their backend.", "route", "backend", "reason")
	f.dnsFailures = add("dns_failures_total", "Names of a backend that could not be looked up.", "route", "backend")
	f.retries = add("retries_total", "Requests sent to a backend again.", "route", "backend", "reason")
	f.mirrored = add("mirrored_requests_total", "Requests that were to be copied to a backend, by what became of that.", "route", "backend", "result")
	f.upstreamErrors = add("upstream_errors_total", "What went wrong between the proxy and a backend.", "route", "backend", "kind")
	f.clientErrors = add("client_errors_total", "What clients did wrong; it never counts against a backend.", "kind")
	f.panics = add("request_panics_total", "Requests that met a bug of the proxy; they were answered with 502.")
	f.journalErrors = add("journal_write_errors_total", "Writes of the journal that failed, and lines that were given up.")
	f.accessDropped = add("access_log_dropped_total", "Lines of the access log that were to be written and were not: the queue was full, or the file can't be written.")
	f.outbox = add("outbox_pending", "Decisions that some receiver of webhooks or alerts was not told of yet.")
	f.phase = add("rollout_phase", "1 for the rollout's phase, 0 for the others.", "route", "phase")
	f.step = add("rollout_step", "The attempt's step; the weights count from 1, 0 is before the first.", "route")
	f.info = add("rollout_info", "1 for the latest attempt and its pair of versions.", "route", "attempt", "stable_version", "canary_version")
	f.paused = add("rollout_paused", "1 for the reason of a pause.", "route", "reason")
	f.waiting = add("rollout_waiting", "1 for what the attempt waits for.", "route", "for")
	f.transitions = add("rollout_transitions_total", "Changes of phase since the process started.", "route", "from", "to", "reason")
	f.rollouts = add("rollouts_total", "Attempts that ended since the process started.", "route", "outcome")
	f.lasted = add("rollout_duration_seconds", "How long the latest attempt has run, or ran until it was decided.", "route")
	f.verdict = add("check_verdict", "-1 fail, 0 insufficient, 1 pass.", "route", "check")
	f.value = add("check_value", "What a check measures, in its own unit (percent, ms).", "route", "check", "backend")
	f.limit = add("check_limit", "A check's limit for the canary, in its own unit (percent, ms).", "route", "check", "backend")
	f.evidence = add("check_evidence", "The check's evidence against the canary; the attempt is rolled back at its threshold.",
		"route", "check", "backend")
	f.needed = add("check_evidence_limit", "The evidence at which the check rolls back.", "route", "check", "backend")
	f.aa = add("aa_evidence_max", "The judge's largest evidence of the last 24 hours against stable's own requests, of which a part plays the "+
		"canary; over 20 its assumptions do not hold.", "route")
	f.ratio = add("sample_ratio_evidence", "The evidence that the canary's share of what was drawn in the attempt is not the configured one; from 1000 on "+
		"people are told.", "route")
	f.samples = add("check_samples", "The requests that the check's values come from, since the step began; of conversions the users, of the attempt.", "route", "check", "backend")
	f.bad = add("check_bad_samples", "Those of them that failed, were beyond the limit, or did not convert.", "route", "check", "backend")
	f.visits = add("visits_total", "Visits of users that began at the backend.", "route", "backend")
	f.conversions = add("conversions_total", "Visits that began at the backend and have converted.", "route", "backend")
	f.visitsDropped = add("visits_dropped_total", "Visits that found no place in the table of users; they are nobody's.", "route")
	f.conversionEvents = add("conversion_events_total", "Conversions reported to the admin API, by what became of them.", "route", "result")
	f.reloads = add("config_reloads_total", "Times the configuration was read.", "result")
	f.lastReload = add("config_last_reload_success_timestamp_seconds", "When the configuration in force was read.")
	f.tlsReloads = add("tls_reloads_total", "Certificates whose files changed, by what became of them.", "result")
	f.tlsOrders = add("tls_orders_total", "Certificates that were ordered at an authority, by what became of them.", "result")
	f.certificate = add("tls_certificate_not_after_seconds", "Until when a listener's certificate is good, Unix time.", "listener", "file")
	f.keyFetches = add("identity_key_fetches_total", "Fetches of the keys of tokens, of new ones and failed ones.", "result")
	f.build = add("build_info", "1 for this binary.", "version", "revision", "goversion")
	return f
}
