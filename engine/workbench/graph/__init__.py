"""Journeys, routing and the lifecycle as graphs, in Mermaid and in Graphviz's DOT."""
