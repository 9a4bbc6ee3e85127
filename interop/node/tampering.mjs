// One changed byte in each part of a token.

const flipped = (bytes, random) => {
  const changed = Buffer.from(bytes);
  changed[random.below(changed.length)] ^= 1 << random.below(8);
  return changed;
};

/// Changes the bytes, not the text: a changed letter may be another spelling of the same bytes.
const reencoded = (text, random) =>
  flipped(Buffer.from(text, "base64url"), random).toString("base64url");

const retyped = (text, random) => {
  const characters = [...text];
  const at = random.below(characters.length);
  characters[at] = characters[at] === "x" ? "y" : "x";
  return characters.join("");
};

/// Every way of changing one byte of a signed token: `{ part, token, payload }`.
export function changedSignatures(form, token, payload, random) {
  const { form: shape, detached, unencoded } = form.flags;
  const change = (part) => (text) =>
    (part === "payload" && unencoded ? retyped : reencoded)(text, random);
  const changes = [];
  if (detached) {
    const other = payload.length > 0 ? flipped(payload, random) : Buffer.from("x");
    changes.push({ part: "payload", token, payload: other });
  }
  for (const [part, set] of places(shape, token)) {
    // An empty part has no byte that could change.
    const changed = set(change(part));
    if (changed !== undefined) changes.push({ part, token: changed, payload });
  }
  return changes;
}

/// Every way of changing one byte of an encrypted token: `{ part, token }`. What stands in a header
/// that nobody protects is left alone, but for what another part depends on.
export function changedEncryptions(form, token, random) {
  const changes = [];
  for (const [part, set] of encryptedPlaces(form.flags.form, token)) {
    const changed = set((text) => reencoded(text, random));
    if (changed !== undefined) changes.push({ part, token: changed });
  }
  return changes;
}

/// Each part of a token, with a function that puts something else in its place.
function places(shape, token) {
  if (shape === "compact") return ["header", "payload", "signature"].map(betweenDots(token));
  const found = [inside(token, "payload", (jws) => [jws, "payload"])];
  const signatures = JSON.parse(token).signatures ?? [undefined];
  for (const index of signatures.keys()) {
    const one = (jws) => (jws.signatures ? jws.signatures[index] : jws);
    found.push(inside(token, "header", (jws) => [one(jws), "protected"]));
    found.push(inside(token, "signature", (jws) => [one(jws), "signature"]));
  }
  return found;
}

function encryptedPlaces(shape, token) {
  if (shape === "compact") {
    return ["header", "encrypted_key", "iv", "ciphertext", "tag"].map(betweenDots(token));
  }
  const found = ["iv", "ciphertext", "tag", "aad"].map((part) =>
    inside(token, part, (jwe) => [jwe, part]));
  found.push(inside(token, "header", (jwe) => [jwe, "protected"]));
  const recipients = JSON.parse(token).recipients ?? [undefined];
  for (const index of recipients.keys()) {
    const one = (jwe) => (jwe.recipients ? jwe.recipients[index] : jwe);
    found.push(inside(token, "encrypted_key", (jwe) => [one(jwe), "encrypted_key"]));
    // Of A*GCMKW: the encrypted key depends on these.
    for (const member of ["iv", "tag"]) {
      const of = (jwe) => [one(jwe).header ?? {}, member];
      found.push(inside(token, `${member} of the key`, of));
    }
  }
  return found;
}

const betweenDots = (token) => (part, index) => [part, (change) => {
  const parts = token.split(".");
  if (!parts[index]) return undefined;
  parts[index] = change(parts[index]);
  return parts.join(".");
}];

const inside = (token, part, of) => [part, (change) => {
  const json = JSON.parse(token);
  const [object, member] = of(json);
  if (!object[member]) return undefined;
  object[member] = change(object[member]);
  return JSON.stringify(json);
}];
