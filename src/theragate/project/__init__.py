"""The state of a project's folder: git, `dvc.lock`, the environment, a study's documents and its current verdict."""
