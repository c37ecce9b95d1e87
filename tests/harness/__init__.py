"""What the Python tests share: a broker to start, a raw client, a codec. See fixtures.py for what a test is given."""
