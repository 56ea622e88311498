"""A second gateway, made from the platform's public pages alone, and a judge that compares its ledger with reports."""
