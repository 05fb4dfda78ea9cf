//! imageMogr2 rule text to a typed rule, and back; has never seen an image.
