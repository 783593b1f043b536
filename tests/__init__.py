"""Tests: one folder per wing of runner/, and tests/support for what they lean on."""
