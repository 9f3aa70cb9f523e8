"""What is found about a recording as a whole: measures, flaws, remarks."""
