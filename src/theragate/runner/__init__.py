"""What every stage needs: its workspace, its exclusive claim, and its one line for an error."""
