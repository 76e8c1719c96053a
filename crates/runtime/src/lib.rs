//! Configuration, telemetry, metrics, health and shutdown for every service.
