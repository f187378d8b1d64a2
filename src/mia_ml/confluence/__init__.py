"""From a row of features to a decision: the formula, its context multipliers, its threshold, its crossings."""
