"""Where events and items come from: `read.pull` takes them from a database or from files, as text, into Parquet."""
