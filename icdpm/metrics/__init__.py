"""Measures of a restored picture: arrays in, numbers out, one file a metric.

Each file names in `PROTOCOL` what exactly it computes, as the field has several readings of most names. Pictures are
RGB, [height, width, 3], either uint8 or float in [0, 1]; floats are rounded to uint8 first, as a saved picture is.
"""
