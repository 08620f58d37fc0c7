"""The release server: a registry that moves `champion` only on evidence, sealed copies of models, the app around them.

MLflow finds the parts by entry points (`theragate.mlflow_plugin.entry`) and calls them; nothing of ours imports them.
"""
