"""What is put inside a machine of the local cloud: its guest agent, its units and its settings."""
