"""The use cases: one module per stage of the pipeline. Only here do the rooms below meet."""
