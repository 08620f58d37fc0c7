"""Who does the work: processes of this machine, or a Dask cluster; the result is the same to the byte."""
