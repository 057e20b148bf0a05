/* embed.h - files of web/ and data/ that are built into the program (tools/embed.sh).
 *
 *	EMBED(web_viewer_js);
 *	out_put(to, embed_web_viewer_js, EMBED_SIZE(web_viewer_js));
 */
#ifndef WAGGLE_BASE_EMBED_H
#define WAGGLE_BASE_EMBED_H

#define EMBED(name) extern const char embed_##name[], embed_##name##_end[]
#define EMBED_SIZE(name) ((size_t)(embed_##name##_end - embed_##name))

#endif
