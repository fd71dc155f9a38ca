"""Unity Catalog: catalogs, schemas, Delta tables, volumes."""
