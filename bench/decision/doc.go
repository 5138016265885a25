// Package decision is the benchmark of decisions: how often is a good canary rolled back, and what does a bad one cost?
//
// A Scenario says how two versions behave. A world plays it, request by request, seeded and closed loop: the weights that a Policy sets decide
// who gets the next requests. Policies are Sluice's judge as it ships, other tools' rules reimplemented from their documents ("-like": each
// lists what it leaves out), and two yardsticks, a z-test that is looked at all the time and a test that knows the truth. Start at run.go.
package decision
