"""The look-up page of `treasure-hunt serve`, for people of the shop: behind a login, without JavaScript."""
