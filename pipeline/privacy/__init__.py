"""What is owed to the people in the data: forgetting one of them on request, and everybody's typed text in time."""
