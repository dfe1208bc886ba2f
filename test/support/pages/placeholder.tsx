import { Hono } from 'hono';
import type { Env } from '../../../src/access/who.ts';

/** Stands for the pages: says who is logged in, and logs out. */
export function createPlaceholder(): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/', (c) => {
    const { who, csrf, language } = c.var;
    const page = (
      <html lang={language === 'zh' ? 'zh-Hans' : 'en'}>
        <head>
          <meta charset="utf-8" />
          <title>certfleet</title>
        </head>
        <body>
          <h1>certfleet</h1>
          <p>
            {who.name} ({who.role})
          </p>
          <form method="post" action="/logout">
            <input type="hidden" name="csrf" value={csrf} />
            <button type="submit">{language === 'zh' ? '退出' : 'Log out'}</button>
          </form>
        </body>
      </html>
    );
    return c.html(`<!DOCTYPE html>${String(page)}`);
  });
  return app;
}
