const READABLE = /[^\u0000-\u0008\u000e-\u001f\u007f-\u009f\ufffd]{8,}/g

/** The stretches of decoded bytes that are text. Bytes of an image or a digest have none. */
export function readable(bytes: Buffer): string {
  return (bytes.toString('utf8').match(READABLE) ?? []).join('\n')
}
