"""Who gets a post, and how it comes to lie in their home queues."""
