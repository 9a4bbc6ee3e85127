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

/// Each part of a token, with a function that puts something else in its place.
function places(shape, token) {
  if (shape === "compact") {
    return ["header", "payload", "signature"].map((part, index) => [part, (change) => {
      const parts = token.split(".");
      if (!parts[index]) return undefined;
      parts[index] = change(parts[index]);
      return parts.join(".");
    }]);
  }
  const inside = (part, of) => [part, (change) => {
    const jws = JSON.parse(token);
    const [object, member] = of(jws);
    if (!object[member]) return undefined;
    object[member] = change(object[member]);
    return JSON.stringify(jws);
  }];
  const found = [inside("payload", (jws) => [jws, "payload"])];
  const signatures = JSON.parse(token).signatures ?? [undefined];
  for (const index of signatures.keys()) {
    const one = (jws) => (jws.signatures ? jws.signatures[index] : jws);
    found.push(inside("header", (jws) => [one(jws), "protected"]));
    found.push(inside("signature", (jws) => [one(jws), "signature"]));
  }
  return found;
}
