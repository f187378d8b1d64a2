"""The tester tested: the stages from features to gates on many simulated worlds of known truth, in memory."""
