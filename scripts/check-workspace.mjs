// Reads `cargo metadata` on stdin and checks what no compiler does: which way dependencies point, that
// Redis names stand where they may, that rules and use cases know nothing of a transport, and that the
// runbook names metrics that are there.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const metadata = JSON.parse(readFileSync(0, "utf8"));
const members = metadata.packages.filter((entry) => metadata.workspace_members.includes(entry.id));
const ours = new Set(members.map((entry) => entry.name));
const faults = [];

// Arrows: what each crate of ours may use of ours, beside test-kit in its tests.
const MAY_USE = {
  "redis-contracts": [],
  "redis-access": ["redis-contracts"],
  rpc: ["redis-contracts"],
  "stream-worker": ["redis-contracts", "redis-access"],
  "service-kit": ["redis-contracts", "redis-access", "rpc"],
  identity: ["redis-contracts", "redis-access", "rpc", "service-kit"],
  "rate-limits": ["redis-contracts", "redis-access", "service-kit"],
  sql: ["redis-contracts", "redis-access", "service-kit"],
  "test-kit": [],
  "devmentor-cli": ["redis-contracts", "redis-access", "service-kit"],
};
const SERVICE = [
  ...["redis-contracts", "redis-access", "rpc", "service-kit", "stream-worker"],
  ...["identity", "rate-limits", "sql"],
];
const NOT_IN_CONTRACTS = ["tokio", "redis", "actix-web", "tonic", "sqlx"];
// They start everything and so may use everything.
const FROM_OUTSIDE = ["platform-tests", "platform-bench"];

for (const member of members) {
  const isService = member.manifest_path.includes("/services/");
  const allowed = isService ? SERVICE : MAY_USE[member.name];
  const used = member.dependencies.filter((entry) => entry.kind === null).map((entry) => entry.name);
  if (allowed === undefined && !FROM_OUTSIDE.includes(member.name)) {
    faults.push(`${member.name}: say in scripts/check-workspace.mjs what it may use`);
  }
  for (const name of used.filter((name) => ours.has(name) && allowed && !allowed.includes(name))) {
    faults.push(`${member.name} uses ${name}; arrows do not point that way`);
  }
  for (const name of member.name === "redis-contracts" ? used : []) {
    if (NOT_IN_CONTRACTS.includes(name)) faults.push(`redis-contracts is pure and uses ${name}`);
  }
}

// Texts that may not stand in the sources.
const grep = (pattern, ...paths) => {
  try {
    return execFileSync("git", ["grep", "-nIE", pattern, "--", ...paths], { encoding: "utf8" }).trim().split("\n");
  } catch {
    return [];
  }
};
const NAMES = "\"(session|auth|rate_limit|cache|stream|realtime|user|ai|idempotency|dlq|learning|outbox|websocket|system):";
const outside = grep(NAMES, "*.rs", ":!crates/redis-contracts", ":!**/tests/**", ":!crates/platform-bench");
faults.push(...outside.map((line) => `a Redis name outside redis-contracts: ${line}`));

// Rules, and what happens in order: `grpc/` and `http/` translate for them.
const INSIDE = ["services/*/src/domain/*.rs", "services/*/src/accounts/*.rs", "services/*/src/conversation/*.rs"];
const TRANSPORT = "\\b(rpc|tonic|actix)(_[a-z]+)?\\b";
const transports = grep(TRANSPORT, ...INSIDE, ":!**/tests/**", ":!**/tests.rs");
faults.push(...transports.map((line) => `a transport inside: ${line}`));

// At night nobody looks for a metric that has another name by now.
const told = readFileSync("docs/OPERATIONS.md", "utf8").match(/devmentor_[a-z_]+/g) ?? [];
for (const name of new Set(told)) {
  if (grep(`"${name}"`, "crates", "services").length === 0) {
    faults.push(`docs/OPERATIONS.md names ${name}, which no service shows`);
  }
}

for (const fault of faults) console.error(fault);
process.exit(faults.length === 0 ? 0 : 1);
