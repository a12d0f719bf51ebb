"""The thin shell: the only code that sends, sleeps and reads the clock."""
