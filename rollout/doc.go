// Package rollout brings a canary into service: it decides on weights, keeps what it decided, and says why.
//
// Step is the engine, a pure function of plan, state and input; RoutingOf is the pure way from a state to weights. Controller is the thin
// loop around them that reads meters, keeps the state in a store and hands routings over. It counts nothing and forwards nothing.
// Start at Step, then Controller.Run; testdata/ tells the engine's behaviour as scripts.
package rollout
