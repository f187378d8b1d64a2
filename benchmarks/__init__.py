"""Side-by-side figures: features against pandas and polars, from Parquet, live, and what starting up costs."""
