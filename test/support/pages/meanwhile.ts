export const plain = (html: string) =>
  html
    .replaceAll(/<[^>]+>/g, '')
    .replaceAll('&quot;', '"')
    .trim();

/** What the form of a change sends besides what is typed. */
export const hiddenIn = (page: string) =>
  Object.fromEntries(
    ['ifRevision', 'seen'].map((name) => {
      const [, value = ''] = new RegExp(`name="${name}" value="([^"]*)"`).exec(page) ?? [];
      return [name, value.replaceAll('&quot;', '"')];
    }),
  );

/** What the page says that someone else has changed. */
export const changesIn = (page: string) => {
  const [, list = ''] = /<ul[^>]*id="meanwhile">(.*?)<\/ul>/s.exec(page) ?? [];
  return [...list.matchAll(/<(del|ins)><bdi[^>]*>([^<]*)</g)].map(([, how, value]) => `${how} ${value}`);
};
