"""Many short lives at random between both sandboxes, with faults and kills; what must hold at quiet is judged."""
