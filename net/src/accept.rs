//! Our own accept loop: connection cap, graceful stop, one task per connection.
