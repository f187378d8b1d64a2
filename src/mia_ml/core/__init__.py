"""What every room stands on: the kernel decorator, units, exchange time, canonical tables, errors."""
