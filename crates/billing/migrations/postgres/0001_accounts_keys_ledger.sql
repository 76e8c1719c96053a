-- Every time is in Unix seconds. Secrets are kept as SHA-256 digests only.

CREATE TABLE accounts (
    id            TEXT PRIMARY KEY,
    email         TEXT NOT NULL UNIQUE,
    -- Argon2id in PHC form; absent until a password is set.
    password_hash TEXT,
    verified_at   BIGINT,
    created_at    BIGINT NOT NULL,
    plan          TEXT NOT NULL,
    -- Stripe's current billing window; absent: the UTC calendar month.
    period_start  BIGINT,
    period_end    BIGINT,
    -- The subscription ends with its window.
    closes        BOOLEAN NOT NULL DEFAULT FALSE,
    -- Granted minus reversed minus spent. Below zero where a pack was refunded
    -- after its credits were used.
    prepaid       BIGINT NOT NULL DEFAULT 0,
    -- Part of it that open reservations hold.
    prepaid_held  BIGINT NOT NULL DEFAULT 0,
    -- Counts the changes that the counters must learn of, one by one.
    version       BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE email_tokens (
    digest        BYTEA PRIMARY KEY,
    account_id    TEXT NOT NULL REFERENCES accounts (id),
    purpose       TEXT NOT NULL,
    -- The password that the registration asked for, set once the link is used.
    password_hash TEXT,
    expires_at    BIGINT NOT NULL
);
CREATE INDEX email_tokens_by_account ON email_tokens (account_id);

CREATE TABLE sessions (
    digest     BYTEA PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_account ON sessions (account_id);

CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY,
    account_id   TEXT NOT NULL REFERENCES accounts (id),
    digest       BYTEA NOT NULL UNIQUE,
    prefix       TEXT NOT NULL,
    name         TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at   BIGINT
);
CREATE INDEX api_keys_by_account ON api_keys (account_id);

-- One row a charge. It is written as 'reserved' and resolved once, to
-- 'committed' or 'released'; it is never deleted.
CREATE TABLE ledger (
    operation_id TEXT PRIMARY KEY,
    account_id   TEXT NOT NULL REFERENCES accounts (id),
    kind         TEXT NOT NULL CHECK (kind IN ('app', 'api')),
    -- Where its credits come from.
    included     BIGINT NOT NULL,
    prepaid      BIGINT NOT NULL,
    -- The window and the month that it counts in: those of its reservation.
    window_start BIGINT NOT NULL,
    window_end   BIGINT NOT NULL,
    month        BIGINT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('reserved', 'committed', 'released')),
    -- Digest of the Idempotency-Key and the request; rows that share it are
    -- one request, charged once.
    repeat_of    BYTEA,
    reserved_at  BIGINT NOT NULL,
    resolved_at  BIGINT
);
CREATE INDEX ledger_by_account ON ledger (account_id, window_start);
CREATE INDEX ledger_open ON ledger (reserved_at) WHERE state = 'reserved';
CREATE INDEX ledger_repeats ON ledger (account_id, repeat_of) WHERE repeat_of IS NOT NULL;

-- Sums over the ledger, kept so that a decision need not add up its rows:
-- committed included credits by window and by month, and those held.
CREATE TABLE cycle_usage (
    account_id   TEXT NOT NULL REFERENCES accounts (id),
    window_start BIGINT NOT NULL,
    window_end   BIGINT NOT NULL,
    app          BIGINT NOT NULL DEFAULT 0,
    api          BIGINT NOT NULL DEFAULT 0,
    held         BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, window_start)
);
CREATE TABLE month_usage (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    month      BIGINT NOT NULL,
    app        BIGINT NOT NULL DEFAULT 0,
    api        BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, month)
);

-- Prepaid credits given: by a pack, or by the operator.
CREATE TABLE prepaid_grants (
    id         TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    credits    BIGINT NOT NULL,
    -- Taken back by refunds.
    reversed   BIGINT NOT NULL DEFAULT 0,
    source     TEXT NOT NULL,
    granted_at BIGINT NOT NULL
);
CREATE INDEX prepaid_grants_by_account ON prepaid_grants (account_id);
