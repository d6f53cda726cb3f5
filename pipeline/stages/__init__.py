"""The stages of the line, one module each: `stage(run)` reads landed tables and lands its own."""
