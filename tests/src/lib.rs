//! The test ground of the workspace: the embedded mail host and its helpers.
