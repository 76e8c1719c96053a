-- What Stripe told. Events are kept as they came; the other tables hold what
-- they say, in a form that does not depend on their order.

CREATE TABLE stripe_events (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    created     BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    payload     BYTEA NOT NULL
);

-- The account is known once a checkout with its client_reference_id completes,
-- which may be told after the customer's subscription is.
CREATE TABLE stripe_customers (
    id         TEXT PRIMARY KEY,
    account_id TEXT REFERENCES accounts (id)
);
CREATE INDEX stripe_customers_by_account ON stripe_customers (account_id);

CREATE TABLE stripe_subscriptions (
    id           TEXT PRIMARY KEY,
    customer_id  TEXT NOT NULL REFERENCES stripe_customers (id),
    status       TEXT NOT NULL,
    price        TEXT NOT NULL,
    period_start BIGINT NOT NULL,
    period_end   BIGINT NOT NULL,
    closes       BOOLEAN NOT NULL,
    -- When the newest event that this row follows was created: about the
    -- subscription, and about its invoices.
    told_at      BIGINT NOT NULL,
    invoiced_at  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX stripe_subscriptions_by_customer ON stripe_subscriptions (customer_id);

-- A one-time payment: what it granted, and how much of it was paid back.
CREATE TABLE stripe_payments (
    intent   TEXT PRIMARY KEY,
    grant_id TEXT,
    amount   BIGINT NOT NULL DEFAULT 0,
    refunded BIGINT NOT NULL DEFAULT 0
);
