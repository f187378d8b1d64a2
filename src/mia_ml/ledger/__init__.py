"""Every configuration ever scored, and every look at the hold-out: added to and never changed, so that N is counted."""
