//! Accounts, keys, credits, limits and Stripe, and their gRPC adapter.
