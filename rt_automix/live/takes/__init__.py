"""Where sound goes beside the outputs: files, and programs of others."""
