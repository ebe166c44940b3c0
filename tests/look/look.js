// The body of a function that says what a page looks like; measure.py asks it of each page at each width.
const all = (what, within = document) => [...within.querySelectorAll(what)]
const seen = e => e.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true}) && !e.closest('.unseen')
const round = x => Math.round(x * 10) / 10
const name = e => (e.id || e.getAttribute('class') || e.tagName) + ': ' + e.textContent.trim().slice(0, 40)
const pass = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
  && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1
const texts = []
let heading = ''
for (const root of all('.masthead, main')) {
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement
    if (e.closest('h1, h2, h3')) heading = e.closest('h1, h2, h3').textContent
    if (!walk.currentNode.data.trim() || e.closest('svg, style, script, pre, code')) continue
    const part = heading == 'Run record' && !e.closest('.glossary') ? 'record' : e.closest('.expert') ? 'fold' : 'page'
    texts.push({text: walk.currentNode.data.trim(), part, open: seen(e)})
  }
}
const first = all('figure').filter(seen)[0], rows = all('.scorecard tbody tr:not(.group)')
const shown = {
  open: texts.filter(t => t.open).map(t => t.text).join(' '), pictures: all('figure').filter(seen).length,
  tables: all('table').filter(e => seen(e) && !e.closest('figure')).length,
  top: first ? round(first.getBoundingClientRect().top + scrollY) : null,
}
all('details').forEach(e => e.open = true)  // what is folded must fit as well
const box = e => {
  const range = document.createRange()
  range.selectNodeContents(e)
  return range.getBoundingClientRect()
}
const clipped = all('body *').filter(e => seen(e) && !e.closest('svg') && e.clientWidth > 2
  && ['hidden', 'clip'].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1)
const cells = all('th, td').filter(e => seen(e) && e.clientWidth > 2 && e.innerText.trim() && !e.closest('.drawn'))
const spilled = cells.filter(e => {
  const own = e.getBoundingClientRect(), table = e.closest('table').getBoundingClientRect(), inside = box(e)
  return inside.right > own.right + 1 || inside.left < own.left - 1 || inside.right > table.right + 1
})
const crossed = []
for (const svg of all('svg:not(.effect)').filter(seen)) {
  const edge = svg.getBoundingClientRect()
  const found = all('g[id*="-text_"]', svg).map(e => [e.id, e.getBoundingClientRect()])
  found.forEach(([id, r], k) => {
    const inside = r.left > edge.left - .5 && r.right < edge.right + .5
    if (!inside || r.top < edge.top - .5 || r.bottom > edge.bottom + .5) crossed.push(id + ' leaves the canvas')
    for (const [other, s] of found.slice(k + 1)) if (pass(r, s)) crossed.push(id + ' crosses ' + other)
  })
}
const ids = all('[id]').map(e => e.id)
const parts = all('figure, .part').filter(e => e.id != 'scorecard').map(e => ({
  id: (e.id ? e : e.querySelector('h3[id]') ?? e).id, link: e.querySelector('a.link')?.getAttribute('href') ?? '',
  files: all('a[download]', e).map(a => a.download.split('.').pop()).join(' '), drawn: !!e.querySelector('.card svg'),
  picture: e.tagName == 'FIGURE', heads: all('h1, h2, h3, h4, h5, h6', e).map(h => h.tagName).join(' '),
}))
return {
  ...shown, texts, crossed, parts, charts: all('svg:not(.effect)').filter(seen).length,
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  clipped: [...clipped, ...spilled].map(name), twice: ids.filter((id, k) => ids.indexOf(id) < k),
  dead: all('a[href^="#"]').map(a => a.getAttribute('href').slice(1)).filter(id => !ids.includes(id)),
  headings: all('h1, h2, h3').map(e => [Number(e.tagName[1]), e.textContent.trim()]),
  headline: document.querySelector('.headline')?.textContent,
  card: rows.map(e => [e.querySelector('th').firstChild.textContent, e.querySelector('.told strong').textContent]),
  said: all('[role=img], img').map(e => e.getAttribute('aria-label') ?? e.getAttribute('alt') ?? ''),
  details: all('details').length,
}
