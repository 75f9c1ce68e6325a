"""
The sync service: the two systems kept the same, a lead handed over the moment it qualifies.

door → inbox → observe (read, identify) → lead-changes → decide → lifecycle, decisions
                                                           └───→ dispatch → the vendors
"""
