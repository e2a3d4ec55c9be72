// Texts as UTF-8 and back: QuickJS has no `TextEncoder`.

export function encoded(text) {
  const bytes = [];
  for (const character of text.toWellFormed()) {
    const point = character.codePointAt(0);
    const six = (shift) => 0x80 | ((point >> shift) & 63);
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), six(0));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), six(6), six(0));
    else bytes.push(0xf0 | (point >> 18), six(12), six(6), six(0));
  }
  return Uint8Array.from(bytes);
}

// How a first byte goes on: the bytes that follow, its own bits, and the lowest point that needs so many bytes.
function opening(byte) {
  if (byte < 0x80) return { follow: 0, bits: byte, lowest: 0 };
  if (byte >= 0xc2 && byte < 0xe0) return { follow: 1, bits: byte & 31, lowest: 0x80 };
  if (byte >= 0xe0 && byte < 0xf0) return { follow: 2, bits: byte & 15, lowest: 0x800 };
  if (byte >= 0xf0 && byte < 0xf5) return { follow: 3, bits: byte & 7, lowest: 0x10000 };
  return undefined;
}

// The point that begins at a place and the bytes that it takes; `undefined` where there is none.
function pointAt(bytes, at) {
  const first = opening(bytes[at]);
  if (first === undefined) return undefined;
  let point = first.bits;
  for (let next = 1; next <= first.follow; next += 1) {
    const byte = bytes[at + next] ?? 0;
    if ((byte & 0xc0) !== 0x80) return undefined;
    point = (point << 6) | (byte & 63);
  }
  const isLone = point >= 0xd800 && point < 0xe000;
  return point < first.lowest || point > 0x10ffff || isLone ? undefined : { point, length: first.follow + 1 };
}

// The text of these bytes. What is not UTF-8 throws, or with `lossy` becomes U+FFFD byte by byte.
export function decoded(bytes, { lossy = false } = {}) {
  const parts = [];
  for (let at = 0; at < bytes.length; ) {
    const found = pointAt(bytes, at);
    if (found === undefined && !lossy) throw new RangeError(`byte ${at} is not UTF-8`);
    parts.push(String.fromCodePoint(found?.point ?? 0xfffd));
    at += found?.length ?? 1;
  }
  return parts.join("");
}
