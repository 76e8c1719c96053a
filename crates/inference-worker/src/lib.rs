//! Models, engines, the bounded queue and their gRPC adapter.
