//! S3: the `s3s` protocol over a store of our own, in memory.
