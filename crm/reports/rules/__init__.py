"""What the figures of a report mean and how they may be read; plain values in, plain values out."""
