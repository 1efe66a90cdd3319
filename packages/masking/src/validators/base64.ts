/** Decodes standard or URL-safe base64, padded or not, to latin1; null when it is not base64. */
export function decodeBase64(text: string): string | null {
  const standard = text.replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, '');
  if (standard.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(standard)) return null;
  try {
    return atob(standard);
  } catch {
    return null;
  }
}

/** Whether latin1 text is something a person or a program wrote as text: printable ASCII, blanks, UTF-8. */
export function isPrintable(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 && unit !== 9 && unit !== 10 && unit !== 13) return false;
    if (unit === 0x7f) return false;
  }
  return text.length > 0;
}
