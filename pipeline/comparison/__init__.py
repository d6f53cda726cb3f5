"""Several arms on one log, judged from what each wrote down."""
