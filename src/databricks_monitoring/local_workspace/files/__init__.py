"""Files behind the Files and Workspace APIs: paths, uploads, workspace objects."""
