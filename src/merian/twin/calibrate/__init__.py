"""What observations say of a twin: parameters by approximate Bayesian computation, states by filters, and tests of both against known truth."""
