"""Gemini generateContent, for AI Studio and Vertex."""
