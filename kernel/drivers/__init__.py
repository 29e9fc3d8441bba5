"""What each kind of driver must do: one Protocol and its value types a file."""
